// Writes what a vsockmon interface shows to a file or a port, as pcap: Wireshark reads it while it comes.
//
// usage: record INTERFACE FILE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { linktype_vsock = 271, longest = 65536 };

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: record INTERFACE FILE\n");
        return 64;
    }
    struct sockaddr_ll interface = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(argv[1])};
    int packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    if (packets < 0 || !interface.sll_ifindex || bind(packets, (struct sockaddr *)&interface, sizeof interface) != 0) {
        perror(argv[1]);
        return 1;
    }
    int file = open(argv[2], O_WRONLY | O_CLOEXEC);
    struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, longest, linktype;
    } head = {0xa1b2c3d4, 2, 4, 0, 0, longest, linktype_vsock};
    if (file < 0 || write(file, &head, sizeof head) != sizeof head) {
        perror(argv[2]);
        return 1;
    }
    static struct {
        uint32_t seconds, microseconds, kept, length;
        char bytes[longest];
    } packet;
    for (;;) {
        ssize_t length = recv(packets, packet.bytes, sizeof packet.bytes, MSG_TRUNC);
        if (length < 0) break;
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        packet.seconds = (uint32_t)now.tv_sec;
        packet.microseconds = (uint32_t)(now.tv_nsec / 1000);
        packet.length = (uint32_t)length;
        packet.kept = packet.length < longest ? packet.length : longest;
        size_t size = sizeof packet - longest + packet.kept;
        // One write for each packet: a port's host never sees the end of one without its start.
        if (write(file, &packet, size) != (ssize_t)size) break;
    }
    perror("record");
    return 1;
}
