import Fastify from "fastify";

const app = Fastify({ logger: true });

app.get("/", async () => ({ hello: "from Fastify" }));

await app.listen({ port: Number(process.env.PORT ?? 3000), host: process.env.HOST ?? "127.0.0.1" });
