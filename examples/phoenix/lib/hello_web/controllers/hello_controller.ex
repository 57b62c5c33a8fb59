defmodule HelloWeb.HelloController do
  use Phoenix.Controller, formats: [:json]

  def index(conn, _params) do
    json(conn, %{message: "Hello from Phoenix"})
  end
end
