export class App {
  message = "Hello from Aurelia";
}
