/* Stands in for mstsc, which Windows alone has. Like mstsc it is told everything by the `.rdp` file it is given; it prints that
   file, greets the desktop, and shows a window in a colour to know it by.

   A key typed into the window goes to the desktop, and the one that comes back is acted on: `q` logs off. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <winsock2.h>
#include <windows.h>

#include "reach.h"

#define DESKTOP_HAS_NEWS (WM_APP + 1)
#define BLUE RGB(0x33, 0x66, 0x99)

static SOCKET desktop;

/* Reads the file, prints its lines, and finds out where to. */
static int read_file(const wchar_t *path, struct sockaddr_in *address)
{
    static wchar_t text[32768];
    FILE *file = _wfopen(path, L"rb");
    int found = 0;
    if (file == NULL || fread(text, sizeof *text, 32767, file) == 0 || text[0] != 0xfeff)
        return 0;
    fclose(file);
    wchar_t *rest = text + 1;
    for (wchar_t *end; (end = wcsstr(rest, L"\r\n")) != NULL; rest = end + 2) {
        wchar_t host[64];
        unsigned short port;
        *end = 0;
        printf("mstsc: %ls\n", rest);
        if (swscanf(rest, L"full address:s:%63l[^:]:%hu", host, &port) == 2) {
            char narrow[64];
            wcstombs(narrow, host, sizeof narrow);
            address->sin_family = AF_INET;
            address->sin_addr.s_addr = inet_addr(narrow);
            address->sin_port = htons(port);
            found = 1;
        }
    }
    return found;
}

/* So much comes of the plainest desktop, and of nothing that is none. */
#define PICTURE (16 * 1024)

/* Whether somebody there says a name, and returns what is said. */
static int greet(const struct sockaddr_in *address)
{
    static char said[PICTURE], heard[PICTURE];
    char name[64];
    memset(said, '.', sizeof said);
    said[sizeof said - 1] = '\n';
    desktop = reach(address, name, sizeof name);
    if (desktop == INVALID_SOCKET || send(desktop, said, sizeof said, 0) < 0 || !read_line(desktop, heard, sizeof heard))
        return 0;
    printf("mstsc: reached %s\n", name);
    return memcmp(heard, said, sizeof said - 1) == 0;
}

static LRESULT CALLBACK happens(HWND window, UINT what, WPARAM first, LPARAM second)
{
    char key = (char)first;
    switch (what) {
    case WM_CHAR:
        send(desktop, &key, 1, 0);
        return 0;
    case DESKTOP_HAS_NEWS:
        /* A desktop that goes away is no end: mstsc stays, and would try again. */
        if (WSAGETSELECTEVENT(second) == FD_READ && recv(desktop, &key, 1, 0) == 1 && key == 'q') {
            printf("mstsc: logged off\n");
            DestroyWindow(window);
        }
        return 0;
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    default:
        return DefWindowProcW(window, what, first, second);
    }
}

/* A window whose title begins with the file's name. */
static HWND show(HINSTANCE program, const wchar_t *path)
{
    wchar_t title[128];
    const wchar_t *name = wcsrchr(path, L'\\');
    WNDCLASSW kind = {.lpfnWndProc = happens, .hInstance = program, .lpszClassName = L"desktop"};
    kind.hbrBackground = CreateSolidBrush(BLUE);
    RegisterClassW(&kind);
    swprintf(title, 128, L"%ls", name == NULL ? path : name + 1);
    wchar_t *end = wcsrchr(title, L'.');
    if (end != NULL)
        *end = 0;
    wcsncat(title, L" - Remote Desktop", 127 - wcslen(title));
    return CreateWindowW(L"desktop", title, WS_OVERLAPPEDWINDOW | WS_VISIBLE, 560, 240, 700, 620, NULL, NULL, program, NULL);
}

int WINAPI wWinMain(HINSTANCE program, HINSTANCE none, PWSTR line, int how)
{
    WSADATA data;
    MSG message;
    int count;
    struct sockaddr_in address;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    (void)none, (void)line, (void)how;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count != 2 || WSAStartup(MAKEWORD(2, 2), &data) != 0 || !read_file(words[1], &address)) {
        printf("mstsc: no file that says where to\n");
        return 2;
    }
    if (!greet(&address)) {
        printf("mstsc: no desktop there: %d\n", WSAGetLastError());
        return 3;
    }
    HWND window = show(program, words[1]);
    if (window == NULL || WSAAsyncSelect(desktop, window, DESKTOP_HAS_NEWS, FD_READ | FD_CLOSE) != 0)
        return 4;
    while (GetMessageW(&message, NULL, 0, 0) > 0) {
        TranslateMessage(&message);
        DispatchMessageW(&message);
    }
    return (int)message.wParam;
}
