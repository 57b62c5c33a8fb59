defmodule HelloWeb.Router do
  use Phoenix.Router

  get("/", HelloWeb.HelloController, :index)
end
