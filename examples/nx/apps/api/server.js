import express from "express";

express()
  .get("/", (request, response) => response.send("Hello from the API"))
  .listen(process.env.PORT ?? 3000);
