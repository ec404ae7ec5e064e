# Makes a Group Policy object for workstations that are reached through Deskgate: they share nothing with the computer at home,
# ask for the password before they show anything (NLA), and speak TLS over TCP only, which is what the gateway lets through.
#
#     .\deskgate-workstation.ps1 -Target "OU=Workstations,DC=comune,DC=example" [-Allow clipboard,audio]
#
# Run it where the module GroupPolicy is (a domain controller, or RSAT), as who may make and link policies. Run again it sets the
# same object anew. -Target links it; without, it is made and linked nowhere.
[CmdletBinding(SupportsShouldProcess)]
param(
    [string] $Name = 'Deskgate workstations',
    [string] $Target,
    [ValidateSet('clipboard', 'drives', 'printers', 'audio', 'microphone', 'smartcards')]
    [string[]] $Allow = @()
)
$ErrorActionPreference = 'Stop'
Import-Module GroupPolicy

$key = 'HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services'
# The value's name, what it is set to, and what `-Allow` turns it for.
$settings = @(
    @('fDisableClip', 1, 'clipboard')            # Do not allow Clipboard redirection
    @('fDisableCdm', 1, 'drives')                # Do not allow drive redirection
    @('fDisableCpm', 1, 'printers')              # Do not allow client printer redirection
    @('fDisableLPT', 1, 'printers')              # Do not allow LPT port redirection
    @('fDisableCcm', 1, '')                      # Do not allow COM port redirection
    @('fDisablePNPRedir', 1, '')                 # Do not allow supported Plug and Play device redirection
    @('fDisableAudioCapture', 1, 'microphone')   # Allow audio recording redirection: disabled
    @('fDisableCam', 1, 'audio')                 # Allow audio and video playback redirection: disabled
    @('fEnableSmartCard', 0, 'smartcards')       # Do not allow smart card device redirection
    @('UserAuthentication', 1, '')               # Require user authentication for remote connections by using Network Level Authentication
    @('SecurityLayer', 2, '')                    # Require use of specific security layer for remote (RDP) connections: SSL
    @('MinEncryptionLevel', 3, '')               # Set client connection encryption level: high
    @('SelectTransport', 1, '')                  # Select RDP transport protocols: use only TCP
)

$policy = Get-GPO -Name $Name -ErrorAction SilentlyContinue
if (-not $policy -and $PSCmdlet.ShouldProcess($Name, 'make the Group Policy object')) {
    $policy = New-GPO -Name $Name -Comment 'What workstations share by Remote Desktop. Made by deskgate-workstation.ps1'
}
foreach ($setting in $settings) {
    $value, $number, $what = $setting
    if ($what -and $Allow -contains $what) { $number = 1 - $number }
    if ($PSCmdlet.ShouldProcess($Name, "set $value to $number")) {
        Set-GPRegistryValue -Name $Name -Key $key -ValueName $value -Type DWord -Value $number | Out-Null
    }
}
if ($Target -and $PSCmdlet.ShouldProcess($Target, "link $Name")) {
    $linked = (Get-GPInheritance -Target $Target).GpoLinks | Where-Object DisplayName -eq $Name
    if (-not $linked) { New-GPLink -Name $Name -Target $Target | Out-Null }
}
