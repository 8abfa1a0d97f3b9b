// How changelogs read: what a changeset says, as it says it, and one line for the packages that moved along.
module.exports = {
  getReleaseLine: async ({ summary }) => {
    const [first, ...rest] = summary.trim().split('\n');
    return [`- ${first}`, ...rest.map((line) => (line ? `  ${line}` : ''))].join('\n');
  },
  getDependencyReleaseLine: async (_changesets, dependencies) => {
    const versions = dependencies.map(({ name, newVersion }) => `${name} ${newVersion}`);
    return versions.length === 0 ? '' : `- Goes with ${versions.sort().join(', ')}.`;
  },
};
