/* A program of Windows that speaks with whoever stands behind a door: `echo.exe HOST PORT` reads a greeting, then sends a
   megabyte that is not all alike, and ends well if it comes back as it was sent. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>
#include <windows.h>

#include "reach.h"

#define LENGTH 1000000

static char sent[LENGTH], back[LENGTH];

/* While it comes back: neither end can hold all of it. */
static DWORD WINAPI send_all(LPVOID desk)
{
    for (int place = 0; place < LENGTH;) {
        int count = send((SOCKET)desk, sent + place, LENGTH - place, 0);
        if (count <= 0)
            return 1;
        place += count;
    }
    return 0;
}

static int receive(SOCKET desk, char *into, int length)
{
    for (int place = 0; place < length;) {
        int count = recv(desk, into + place, length - place, 0);
        if (count <= 0)
            return 0;
        place += count;
    }
    return 1;
}

int main(int count, char **words)
{
    WSADATA data;
    struct sockaddr_in address = {.sin_family = AF_INET};
    char greeting[64];
    if (count != 3 || WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return 2;
    address.sin_addr.s_addr = inet_addr(words[1]);
    address.sin_port = htons((u_short)atoi(words[2]));
    SOCKET desk = reach(&address, greeting, sizeof greeting);
    if (desk == INVALID_SOCKET) {
        printf("echo: nobody answers: %d\n", WSAGetLastError());
        return 3;
    }
    for (int place = 0; place < LENGTH; place++)
        sent[place] = (char)(place * 7 / 5);
    HANDLE sending = CreateThread(NULL, 0, send_all, (LPVOID)desk, 0, NULL);
    if (sending == NULL || !receive(desk, back, LENGTH) || memcmp(sent, back, LENGTH) != 0) {
        printf("echo: %s returned something else\n", greeting);
        return 5;
    }
    printf("echo: %s returned a megabyte\n", greeting);
    return 0;
}
