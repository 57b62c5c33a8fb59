const http = require("http");

const greeting = process.env.GREETING || "Hello";

http
  .createServer((request, response) => {
    response.end(request.url === "/healthz" ? "well\n" : `${greeting} from Railway's file\n`);
  })
  .listen(process.env.PORT || 3000);
