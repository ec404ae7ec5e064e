/* Says what lies ready in the Credential Manager for mstsc at the door's address: whose password, of how many bytes, and how long it stays
   (1 is the logon). Says `nothing` where there is none. With a word, it stays: a person is logged on to Wine while something runs. */

#include <stdio.h>
#include <windows.h>
#include <wincred.h>

int main(int count, char **words)
{
    CREDENTIALW *found;
    (void)words;
    if (CredReadW(L"TERMSRV/127.0.0.1", CRED_TYPE_GENERIC, 0, &found))
        printf("%ls %lu %lu\n", found->UserName, found->CredentialBlobSize, found->Persist);
    else
        printf("nothing\n");
    fflush(stdout);
    if (count > 1)
        Sleep(INFINITE);
    return 0;
}
