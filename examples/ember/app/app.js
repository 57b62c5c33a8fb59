import EmberRouter from "@ember/routing/router";
import Application from "ember-strict-application-resolver";

class Router extends EmberRouter {
  location = "history";
  rootURL = "/";
}

export default class App extends Application {
  modules = {
    "./router": { default: Router },
    ...import.meta.glob("./templates/**/*.gjs", { eager: true }),
  };
}
