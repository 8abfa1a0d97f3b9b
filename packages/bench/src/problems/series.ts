/** Some quantities at some times: `values[i]` is the i-th quantity's series. */
export interface SeriesData {
  readonly times: readonly number[];
  readonly values: readonly (readonly number[])[];
}

/** Every n-th of the times, from the first on, so that there are at most `count`. */
export function thinned({ times, values }: SeriesData, count: number): SeriesData {
  const stride = Math.ceil(times.length / count);
  const thin = <T>(series: readonly T[]): T[] => series.filter((_, i) => i % stride === 0);
  return { times: thin(times), values: values.map(thin) };
}
