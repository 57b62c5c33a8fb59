import Config

config :phoenix, :json_library, Jason

config :hello, HelloWeb.Endpoint,
  adapter: Bandit.PhoenixAdapter,
  render_errors: [formats: [json: HelloWeb.ErrorJSON]]
