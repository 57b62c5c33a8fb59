class CreateNotes < ActiveRecord::Migration[8.0]
  def change
    create_table :notes do |table|
      table.text :body
      table.timestamps
    end
  end
end
