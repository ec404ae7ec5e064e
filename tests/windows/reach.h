/* Reaches whoever stands behind a door. */

/* Wine's table of connections names the owner of one only once its process has begun to read; Windows' own always does. A door that
   looks in between turns its caller away: whoever was turned away before a word knocks again, so often at most. */
#define KNOCKS 10

/* Reads a line, and ends it where its end was. Whether there was one. */
static int read_line(SOCKET from, char *line, int room)
{
    for (int place = 0; place < room && recv(from, line + place, 1, 0) == 1; place++) {
        if (line[place] == '\n') {
            line[place] = 0;
            return 1;
        }
    }
    return 0;
}

/* A connection, and the line that it begins with. INVALID_SOCKET where nobody answers. */
static SOCKET reach(const struct sockaddr_in *address, char *line, int room)
{
    for (int knock = 0; knock < KNOCKS; knock++) {
        SOCKET desk = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(desk, (const struct sockaddr *)address, sizeof *address) != 0)
            break;
        if (read_line(desk, line, room))
            return desk;
        closesocket(desk);
    }
    return INVALID_SOCKET;
}
