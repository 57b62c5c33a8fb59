import { provideFileRouter } from "@analogjs/router";
import { ApplicationConfig, Component, provideZonelessChangeDetection } from "@angular/core";
import { provideClientHydration } from "@angular/platform-browser";
import { RouterOutlet } from "@angular/router";

@Component({ selector: "app-root", imports: [RouterOutlet], template: "<router-outlet />" })
export class App {}

export const config: ApplicationConfig = {
  providers: [provideZonelessChangeDetection(), provideFileRouter(), provideClientHydration()],
};
