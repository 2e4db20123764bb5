@echo off
rem Typed once, by an administrator, in a virtual machine of `cargo xtask vm`. Makes vm.ps1 a task that runs at each start of
rem Windows, so that a restart does not end the list of steps, and starts it. Never run on Windows yet.
schtasks /create /f /tn wskdrv-vm /sc onstart /ru SYSTEM /rl highest /tr "powershell -NoProfile -ExecutionPolicy Bypass -Command while (-not ($v = Get-Volume -FileSystemLabel WSKDRV -ErrorAction Ignore)) { Start-Sleep 2 }; & ([string]$v.DriveLetter + ':\vm.ps1')" || exit /b 1
schtasks /run /tn wskdrv-vm || exit /b 1
echo started
