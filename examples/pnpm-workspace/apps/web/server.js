import { createServer } from "node:http";
import { greeting } from "@example/greeting";

createServer((_, response) => response.end(greeting("the web"))).listen(process.env.PORT);
