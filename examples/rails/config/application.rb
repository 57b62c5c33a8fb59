require_relative "boot"

require "rails"
require "action_controller/railtie"
require "active_record/railtie"

Bundler.require(*Rails.groups)

module Example
  class Application < Rails::Application
    config.load_defaults 8.0
    config.eager_load = Rails.env.production?
    config.logger = ActiveSupport::Logger.new($stdout)
    # Sessions end with a restart where no secret is set.
    config.secret_key_base = ENV.fetch("SECRET_KEY_BASE") { SecureRandom.hex(64) }
  end
end
