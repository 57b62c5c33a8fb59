defmodule Hello.Application do
  use Application

  def start(_type, _args) do
    Supervisor.start_link([HelloWeb.Endpoint], strategy: :one_for_one)
  end
end
