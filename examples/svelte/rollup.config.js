import resolve from "@rollup/plugin-node-resolve";
import svelte from "rollup-plugin-svelte";

export default {
  input: "src/main.js",
  output: { file: "public/build/bundle.js", format: "iife", name: "app" },
  plugins: [
    svelte({ emitCss: false }),
    resolve({ browser: true, exportConditions: ["svelte"], dedupe: ["svelte"] }),
  ],
};
