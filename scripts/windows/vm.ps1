# What runs in a virtual machine of `cargo xtask vm`: the list of steps, `wskctl trial`. Its output goes over COM2; a line with
# the mark @@vm tells the program outside how far it is. Never run on Windows yet.
#
# It runs as SYSTEM at each start of Windows (see vm.cmd): first to turn the test mode on, which takes a restart; then for the
# steps; and after a bug check, to bring out what Windows has kept of it.
$ErrorActionPreference = 'Stop'
$payload = $PSScriptRoot
while (-not ($volume = Get-Volume -FileSystemLabel WSKDRV_OUT -ErrorAction Ignore)) { Start-Sleep 2 }
$disk = [string]$volume.DriveLetter + ':\'
# Where the steps' logs and results go; and two marks for the next start of Windows.
$out = Join-Path $disk 'out'
$running = Join-Path $disk 'running'
$restarted = Join-Path $disk 'restarted'

$port = New-Object System.IO.Ports.SerialPort 'COM2', 115200
$port.NewLine = "`n"
$port.Open()

function Send-Line([string]$line) { $port.WriteLine($line) }

function Stop-Guest([int]$code) {
    Remove-Item $running -ErrorAction Ignore
    Write-VolumeCache $volume.DriveLetter
    Send-Line "@@vm end $code"
    Stop-Computer -Force
    exit
}

trap {
    Send-Line "vm.ps1: $_ (line $($_.InvocationInfo.ScriptLineNumber))"
    Stop-Guest 1
}

Send-Line '@@vm begin'
$null = New-Item -ItemType Directory -Force $out

# The steps had begun, and did not come to their end.
if (Test-Path $running) {
    $query = @{ LogName = 'System'; ProviderName = 'Microsoft-Windows-WER-SystemErrorReporting' }
    for ($try = 0; $try -lt 30; $try++) {
        # Windows writes it, and the small dump, some time after its start.
        $told = Get-WinEvent -FilterHashtable $query -MaxEvents 1 -ErrorAction Ignore
        if ($told) { break }
        Start-Sleep 4
    }
    Copy-Item (Join-Path $env:SystemRoot 'Minidump\*.dmp') $out -ErrorAction Ignore
    $what = if ($told) { $told.Message -replace '\s+', ' ' } else { 'Windows has logged no bug check' }
    Send-Line "@@vm crashed $what"
    Stop-Guest 1
}

# The row is missing if test signing was never set; its word for yes is in the system's language.
$entry = bcdedit /enum '{current}' | Out-String
if ($entry -notmatch '(?m)^testsigning\s+(?!No\b)\S' -and -not (Test-Path $restarted)) {
    Send-Line '@@vm step test-mode'
    bcdedit /set testsigning on | ForEach-Object { Send-Line $_ }
    $code = $LASTEXITCODE
    Send-Line "@@vm ended $code"
    if ($code -ne 0) { Stop-Guest 1 }
    $null = New-Item -ItemType File $restarted
    Write-VolumeCache $volume.DriveLetter
    Send-Line '@@vm restart'
    Restart-Computer -Force
    exit
}

# `--prepare`: from now on Windows begins by itself.
if (Test-Path (Join-Path $payload 'prepare.txt')) { Stop-Guest 0 }

# The service's file must not lie on a disk that can be pulled out.
$work = 'C:\wskdrv'
$null = New-Item -ItemType Directory -Force $work
Copy-Item (Join-Path $payload '*') $work -Force
$wskctl = Join-Path $work 'wskctl.exe'
$phases = (& $wskctl --json trial --list | Out-String | ConvertFrom-Json) | ForEach-Object { $_.phase }
$arguments = Get-Content (Join-Path $work 'trial.txt')
$null = New-Item -ItemType File $running
# cmd, as PowerShell makes errors of what a program prints to its standard error.
cmd /c "$wskctl trial --out $out $arguments 2>&1" | ForEach-Object {
    if ($_ -match '^([a-z-]+): (.*)$' -and $phases -contains $Matches[1]) {
        $phase, $said = $Matches[1], $Matches[2]
        switch -Wildcard ($said) {
            'done' { Send-Line '@@vm ended 0' }
            'FAILED:*' { Send-Line '@@vm ended 1' }
            'not done*' { }
            default { Send-Line "@@vm step $phase" }
        }
    }
    Send-Line $_
}
Stop-Guest $LASTEXITCODE
