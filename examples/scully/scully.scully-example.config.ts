import { ScullyConfig } from "@scullyio/scully";

export const config: ScullyConfig = {
  projectRoot: "./src",
  projectName: "scully-example",
  outDir: "./dist/static",
  routes: {},
};
