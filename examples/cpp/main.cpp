#include <cstdlib>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

int main() {
    const char *port = std::getenv("PORT");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port ? std::atoi(port) : 8080);

    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) return 1;
    listen(listener, 16);

    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\nHello from C++";
    while (true) {
        int client = accept(listener, nullptr, nullptr);
        send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        close(client);
    }
}
