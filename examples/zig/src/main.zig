const std = @import("std");

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\nHello from Zig";

pub fn main() !void {
    const port = try std.fmt.parseInt(u16, std.posix.getenv("PORT") orelse "8080", 10);
    const address = try std.net.Address.parseIp("0.0.0.0", port);
    var server = try address.listen(.{ .reuse_address = true });
    while (true) {
        const connection = try server.accept();
        defer connection.stream.close();
        connection.stream.writeAll(answer) catch {};
    }
}
