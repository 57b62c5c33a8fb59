const polka = require("polka");

polka()
  .get("/", (request, response) => response.end("Hello from Polka"))
  .listen(process.env.PORT || 3000);
