open System
open System.Net
open System.Text

let port = Environment.GetEnvironmentVariable "PORT"
let listener = new HttpListener()
listener.Prefixes.Add $"http://*:{port}/"
listener.Start()

while true do
    let context = listener.GetContext()
    let body = Encoding.UTF8.GetBytes "Hello from F#"
    context.Response.OutputStream.Write(body, 0, body.Length)
    context.Response.Close()
