require "webrick"

server = WEBrick::HTTPServer.new(BindAddress: "0.0.0.0", Port: ENV.fetch("PORT", "8080").to_i)
server.mount_proc("/") { |_request, response| response.body = "Hello from Ruby\n" }
trap("TERM") { server.shutdown }
server.start
