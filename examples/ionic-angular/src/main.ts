import { Component } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { IonApp, IonContent, provideIonicAngular } from "@ionic/angular/standalone";

@Component({
  selector: "app-root",
  imports: [IonApp, IonContent],
  template: "<ion-app><ion-content><h1>Hello from Ionic</h1></ion-content></ion-app>",
})
class App {}

bootstrapApplication(App, { providers: [provideIonicAngular()] });
