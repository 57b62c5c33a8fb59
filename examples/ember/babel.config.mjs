export default {
  plugins: [
    "babel-plugin-ember-template-compilation",
    [
      "module:decorator-transforms",
      { runtime: { import: import.meta.resolve("decorator-transforms/runtime-esm") } },
    ],
  ],
  generatorOpts: { compact: false },
};
