import Vapor

@main
enum Entrypoint {
    static func main() async throws {
        let app = try await Application.make(.detect())
        app.get { _ in "Hello from Vapor" }
        try await app.execute()
        try await app.asyncShutdown()
    }
}
