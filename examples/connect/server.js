const connect = require("connect");
const http = require("node:http");

const app = connect();

app.use((request, response) => response.end("Hello from Connect"));

http.createServer(app).listen(process.env.PORT || 3000);
