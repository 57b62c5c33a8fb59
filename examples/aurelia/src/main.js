import { PLATFORM } from "aurelia-framework";

export async function configure(aurelia) {
  aurelia.use.standardConfiguration();
  await aurelia.start();
  await aurelia.setRoot(PLATFORM.moduleName("app"));
}
