#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

let port = UInt16(getenv("PORT").map { String(cString: $0) } ?? "8080") ?? 8080
let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
var address = sockaddr_in()
address.sin_family = sa_family_t(AF_INET)
address.sin_port = port.bigEndian
let length = socklen_t(MemoryLayout<sockaddr_in>.size)
_ = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) }
}
listen(listener, 16)

let answer = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\nHello from Swift"
while true {
    let client = accept(listener, nil, nil)
    _ = answer.withCString { send(client, $0, strlen($0), 0) }
    close(client)
}
