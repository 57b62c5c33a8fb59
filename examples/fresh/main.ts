import { App } from "fresh";

const app = new App().get("/", () => new Response("Hello from Fresh\n"));

await app.listen({ hostname: "0.0.0.0", port: Number(Deno.env.get("PORT") ?? 8000) });
