// Production bundles of modules for browsers, by each bundler as it is configured by somebody who configures nothing.
import { join } from 'node:path';
import esbuild from 'esbuild';
import { build } from 'vite';
import webpack from 'webpack';

/** By name: bundles `entries`, paths of modules by their names, into files of these names in `out`. */
export const bundlers = {
  async vite(project, entries, out) {
    await build({
      root: project,
      configFile: false,
      logLevel: 'error',
      build: {
        outDir: out,
        rolldownOptions: { input: entries, output: { entryFileNames: '[name].js' } },
        chunkSizeWarningLimit: Infinity,
      },
    });
  },

  async esbuild(project, entries, out) {
    // It does not look into `new Worker(new URL(…))`: a worker is one entry more.
    const worker = { worker: join(entries.main, '..', 'worker.js') };
    await esbuild.build({
      absWorkingDir: project,
      entryPoints: { ...entries, ...worker },
      outdir: out,
      bundle: true,
      minify: true,
      format: 'esm',
      logLevel: 'silent',
    });
  },

  async webpack(project, entries, out) {
    const compiler = webpack({
      context: project,
      mode: 'production',
      entry: entries,
      output: { path: out },
      // Its minimizer takes most of a minute, and has no part in what is bundled in which order.
      optimization: { minimize: false },
      performance: false,
    });
    const stats = await new Promise((resolve, reject) => {
      compiler.run((error, result) => (error ? reject(error) : resolve(result)));
    });
    await new Promise((resolve) => {
      compiler.close(resolve);
    });
    if (stats.hasErrors() || stats.hasWarnings())
      throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
  },
};
