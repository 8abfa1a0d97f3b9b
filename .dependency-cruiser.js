const test = '\\.test\\.ts$';
// Tests may import any package: they try plugins together. The root's package.json lists them for that.
const plugins = 'tableaux|implicit|partitioned|grad-[^/]+|engine-tfjs';
// The rooms of a package, each of which imports those before it alone.
const rooms = {
  core: ['types', 'arguments', 'memory', 'solver', 'stepping', 'registry', 'events', 'gradient'],
  implicit: ['linear', 'tableaux'],
  'engine-tfjs': ['backend', 'tape', 'gradients', 'eager', 'front'],
  trace: ['ir', 'arrays', 'passes', 'tracing', 'field'],
  'engine-wasm': ['encode', 'functions', 'nests', 'lower', 'runtime', 'field'],
  'engine-onnx': ['passes', 'lower', 'runtime', 'steps', 'field', 'shards'],
};
const inOrder = Object.entries(rooms).flatMap(([name, folders]) =>
  folders.slice(0, -1).map((folder, i) => ({
    name: `rooms-of-${name}`,
    comment: `A folder of ${name} imports only those before it: ${folders.join(', ')}.`,
    severity: 'error',
    from: { path: `^packages/${name}/src/${folder}/`, pathNot: test },
    to: { path: `^packages/${name}/src/(${folders.slice(i + 1).join('|')})/` },
  })),
);
const container = '(^|/)node_modules/tsyringe/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...inOrder,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      comment: 'Every import resolves; the optional TensorFlow.js bindings are the exception.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^@tensorflow/tfjs-node(-gpu)?$' },
    },
    {
      name: 'core-stands-alone',
      severity: 'error',
      from: { path: '^packages/core/src', pathNot: test },
      to: { path: '^packages/(?!core/)' },
    },
    {
      name: 'plugins-import-only-core',
      severity: 'error',
      from: { path: `^packages/(${plugins})/src`, pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|$1)/' },
    },
    {
      name: 'trace-knows-no-backend',
      severity: 'error',
      from: { path: '^packages/trace/src', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|engine-tfjs|trace)/' },
    },
    {
      name: 'what-browsers-run-is-nothing-of-node',
      severity: 'error',
      from: { path: '^packages/(trace|engine-replay|engine-wasm|models|tangents)/src', pathNot: test },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'engine-replay-runs-what-trace-records',
      severity: 'error',
      from: { path: '^packages/engine-replay/src', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|engine-tfjs|trace|engine-replay)/' },
    },
    {
      name: 'engine-onnx-falls-back-on-engine-replay',
      severity: 'error',
      from: { path: '^packages/engine-onnx/src', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|engine-tfjs|trace|engine-replay|engine-onnx)/' },
    },
    {
      name: 'engine-wasm-falls-back-on-engine-replay',
      severity: 'error',
      from: { path: '^packages/engine-wasm/src', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|engine-tfjs|trace|engine-replay|engine-wasm)/' },
    },
    {
      name: 'odegrad-only-gathers',
      comment: 'Nothing but bench stands on the package of all, which brings what others choose among.',
      severity: 'error',
      from: { path: '^packages/(?!(odegrad|bench)/)', pathNot: test },
      to: { path: '^packages/odegrad/' },
    },
    {
      name: 'models-and-tangents-stand-on-the-front-end',
      severity: 'error',
      from: { path: '^packages/(models|tangents)/src', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|engine-tfjs|$1)/' },
    },
    {
      name: 'testkit-imports-only-core',
      severity: 'error',
      from: { path: '^packages/testkit/src', pathNot: test },
      to: { path: '^packages/', pathNot: '^packages/(core|testkit)/' },
    },
    {
      name: 'testkit-is-for-tests',
      severity: 'error',
      from: { path: '^packages/(?!testkit/)[^/]+/src', pathNot: test },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'nothing-imports-bench',
      severity: 'error',
      from: { path: '^packages/(?!bench/)' },
      to: { path: '^packages/bench/' },
    },
    {
      name: 'packages-by-name',
      comment: 'Another package is imported by its name, and so through its exports: never by a path.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/($1/|[^/]+/src/index\\.ts$)' },
    },
    {
      name: 'siblings-not-index',
      comment: 'Files import the file that has the thing, not their own package’s index.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src', pathNot: test },
      to: { path: '^packages/$1/src/index\\.ts$' },
    },
    {
      name: 'one-file-knows-the-container',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/core/src/registry/registry(\\.test)?\\.ts$' },
      to: { path: container },
    },
    { name: 'no-test-imports', severity: 'error', from: {}, to: { path: test } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@odegrad/source', 'import', 'types', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
