# Switches this workstation off in the evening when nobody uses it, so that what was woken for a worker at home does not stay on all
# night. With -Install it makes the scheduled task "Deskgate power off", which takes a look every ten minutes; with -Remove the task goes.
#
#     .\deskgate-power-off.ps1 -Install [-After 20:00] [-Before 06:00] [-Quiet 30] [-Port 3389] [-Hibernate]
#
# It stays on while somebody is signed in (also one whose desktop is open with nobody connected), while somebody is connected to the
# desktop's port, and until nobody was there for -Quiet minutes, so that a worker for whom it has just been woken has the time to sign
# in. Run -Install as an administrator, from a folder that only administrators can write to: the task runs this very file as SYSTEM.
[CmdletBinding()]
param(
    [ValidatePattern('^([01]\d|2[0-3]):[0-5]\d$')] [string] $After = '20:00',
    [ValidatePattern('^([01]\d|2[0-3]):[0-5]\d$')] [string] $Before = '06:00',
    [ValidateRange(0, 1440)] [int] $Quiet = 30,
    [ValidateRange(1, 65535)] [int] $Port = 3389,
    [switch] $Hibernate,
    [switch] $Install,
    [switch] $Remove
)
$ErrorActionPreference = 'Stop'
$task = 'Deskgate power off'
# Since when nobody is there, and when that was last seen.
$seen = Join-Path $env:ProgramData 'deskgate\quiet.txt'

if ($Remove) {
    Unregister-ScheduledTask -TaskName $task -Confirm:$false
    return
}
if ($Install) {
    $line = "-NoProfile -ExecutionPolicy Bypass -File `"$PSCommandPath`" -After $After -Before $Before -Quiet $Quiet -Port $Port"
    if ($Hibernate) { $line += ' -Hibernate' }
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument $line
    $trigger = New-ScheduledTaskTrigger -Once -At (Get-Date).Date -RepetitionInterval (New-TimeSpan -Minutes 10)
    $system = New-ScheduledTaskPrincipal -UserId 'SYSTEM' -LogonType ServiceAccount -RunLevel Highest
    $settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
    Register-ScheduledTask -TaskName $task -Action $action -Trigger $trigger -Principal $system -Settings $settings -Force | Out-Null
    return
}

function Stop-Looking([string] $why) {
    Remove-Item $seen -ErrorAction SilentlyContinue
    Write-Output "stays on: $why"
    exit 0
}

$now = Get-Date
$time = $now.ToString('HH:mm')
# Times of this form are in the order of their letters.
$isEvening = if ($After -lt $Before) { $time -ge $After -and $time -lt $Before } else { $time -ge $After -or $time -lt $Before }
if (-not $isEvening) { Stop-Looking "it is $time" }
# A desktop belongs to whoever is signed in, connected or not. What cannot be asked ends this look with an error, and nothing is switched off.
$ofPeople = 'explorer', 'sihost', 'userinit', 'rdpinit'
if ((Get-Process | Where-Object Name -In $ofPeople) -or (Get-CimInstance Win32_ComputerSystem).UserName) {
    Stop-Looking 'somebody is signed in'
}
if (Get-NetTCPConnection | Where-Object { $_.LocalPort -eq $Port -and $_.State -eq 'Established' }) {
    Stop-Looking "somebody is connected to port $Port"
}

$since = $now
if (Test-Path $seen) {
    $first, $last = Get-Content $seen | ForEach-Object { [datetime]::ParseExact($_, 'o', $null) }
    # Whoever did not look for longer slept, or was started since, and what was seen before counts no more: the computer may have just
    # been woken for somebody.
    $woken = Get-WinEvent -MaxEvents 1 -ErrorAction SilentlyContinue -FilterHashtable @{
        LogName = 'System'; ProviderName = 'Microsoft-Windows-Power-Troubleshooter'; Id = 1; StartTime = $last
    }
    $isStarted = (Get-CimInstance Win32_OperatingSystem).LastBootUpTime -gt $last
    if ($now - $last -le (New-TimeSpan -Minutes 12) -and -not $woken -and -not $isStarted) { $since = $first }
}
New-Item -ItemType Directory -Force (Split-Path $seen) | Out-Null
Set-Content $seen -Value $since.ToString('o'), $now.ToString('o')
if ($now - $since -lt (New-TimeSpan -Minutes $Quiet)) {
    Write-Output "stays on: nobody is there, but only since $($since.ToString('HH:mm'))"
    exit 0
}
Remove-Item $seen
if ($Hibernate) { & "$env:SystemRoot\System32\shutdown.exe" /h } else { Stop-Computer -Force }
