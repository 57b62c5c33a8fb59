require "sinatra"

get "/" do
  "Hello from Sinatra\n"
end
