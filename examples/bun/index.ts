Bun.serve({
  port: process.env.PORT ?? 3000,
  routes: { "/": () => new Response("Hello from Bun") },
});
