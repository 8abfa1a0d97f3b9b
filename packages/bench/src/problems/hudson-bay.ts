/**
 * Pelts that the Hudson's Bay Company took in each year, in thousands: a stand-in for the populations of
 * snowshoe hare and Canada lynx.
 *
 * Source: the company's records as tabulated in P. Howard, Modeling Basics (2009), the numbers that
 * B. Carpenter's case study Predator–Prey Population Dynamics (2018) uses.
 */
export const hudsonBay: {
  readonly years: readonly number[];
  readonly hare: readonly number[];
  readonly lynx: readonly number[];
} = {
  years: Array.from({ length: 21 }, (_, i) => 1900 + i),
  hare: [
    30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6,
    16.2, 24.7,
  ],
  lynx: [
    4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1,
    8.6,
  ],
};
