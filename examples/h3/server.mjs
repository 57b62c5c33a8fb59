import { H3, serve } from "h3";

const app = new H3().get("/", () => "Hello from H3");

serve(app, { port: process.env.PORT ?? 3000 });
