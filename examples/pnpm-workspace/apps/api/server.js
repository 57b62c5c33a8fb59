import { createServer } from "node:http";
import { greeting } from "@example/greeting";

createServer((_, response) => response.end(greeting("the API"))).listen(process.env.PORT);
