const { createServer } = require("node:http");

createServer((request, response) => {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end("<h1>Hello from Node.js</h1>");
}).listen(process.env.PORT || 3000);
