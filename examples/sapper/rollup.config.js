import resolve from "@rollup/plugin-node-resolve";
import replace from "@rollup/plugin-replace";
import svelte from "rollup-plugin-svelte";
import config from "sapper/config/rollup.js";

const plugins = (generate) => [
  replace({ "process.browser": generate === "dom", preventAssignment: true }),
  svelte({ emitCss: false, compilerOptions: { generate, hydratable: true } }),
  resolve({ browser: generate === "dom", dedupe: ["svelte"] }),
];

export default {
  client: {
    input: config.client.input(),
    output: config.client.output(),
    plugins: plugins("dom"),
  },
  server: {
    input: config.server.input(),
    output: config.server.output(),
    plugins: plugins("ssr"),
    external: ["polka", "sirv", ...require("module").builtinModules],
  },
};
