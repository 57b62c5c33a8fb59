package com.example;

import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;

public class Main {

    public static void main(String[] args) {
        Vertx vertx = Vertx.vertx();
        Router router = Router.router(vertx);
        router.get("/").handler(context -> context.response().end("Hello from Vert.x"));
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        vertx.createHttpServer().requestHandler(router).listen(port);
    }
}
