const path = require("node:path");
const { AureliaPlugin } = require("aurelia-webpack-plugin");
const HtmlWebpackPlugin = require("html-webpack-plugin");

module.exports = {
  entry: { app: "aurelia-bootstrapper" },
  resolve: { modules: [path.resolve(__dirname, "src"), "node_modules"] },
  module: {
    rules: [{ test: /\.html$/, exclude: /index\.html$/, loader: "html-loader" }],
  },
  plugins: [new AureliaPlugin(), new HtmlWebpackPlugin({ template: "src/index.html" })],
};
