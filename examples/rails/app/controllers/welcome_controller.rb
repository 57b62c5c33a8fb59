class WelcomeController < ActionController::Base
  def index
    render plain: "Hello from Rails\n"
  end
end
