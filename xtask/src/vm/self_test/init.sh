#!/bin/busybox sh
# The first program of the small Linux that stands for Windows. What it plays is on the kernel's command line; what it says is
# what scripts/windows/vm.ps1 says.
/bin/busybox mkdir -p /proc /sys /dev /payload /evidence /system
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
played=$(sed 's/.*played=\([a-z]*\).*/\1/' /proc/cmdline)
say() { echo "@@vm $*" >/dev/ttyS1; }
end() {
    umount /evidence
    say end "$1"
    poweroff -f
}
attach() {
    until device=$(findfs "LABEL=$1" 2>/dev/null); do sleep 0.2; done
    mount -t vfat -o "$3" "$device" "$2"
}

[ "$played" = idles ] && sleep 100000
attach WSKDRV /payload ro
attach WSKDRV_OUT /evidence sync
attach GUEST /system sync

# By SSH: the line that is to be typed is on the disk, and so is the key that may.
if [ "$played" = connects ]; then
    ip address add 10.0.2.15/24 dev eth0
    ip link set eth0 up
    ip route add default via 10.0.2.2
    mkdir -p /etc/dropbear /user/.ssh
    cp /system/key /user/.ssh/authorized_keys
    chmod -R go-rwx /user
    echo 'tester:x:0:0::/user:/bin/sh' >/etc/passwd
    mkfifo /typed
    printf '#!/bin/sh\nprintf "%%s" "$SSH_ORIGINAL_COMMAND" >/typed\necho started\n' >/bin/typed
    chmod +x /bin/typed
    dropbear -R -s -c /bin/typed
    cat /typed >/line
    cmp /line /system/line || poweroff -f
fi

say begin
if [ -e /evidence/running ]; then
    say crashed the guest found it
    end 1
fi
echo "a line of output" >/dev/ttyS1

# Twice, with a restart between, as Windows needs one for its test mode. What is written to the system must not reach the image.
if [ "$played" = passes ] && [ ! -e /system/changed ]; then
    say step write to the system disk
    echo changed >/system/changed
    umount /system
    say ended 0
    say restart
    umount /evidence
    reboot -f
fi
if [ "$played" = hangs ]; then
    say step hang
    echo "the last words" >/dev/ttyS1
    sleep 100000
fi
say step copy the payload
mkdir /evidence/payload
cp /payload/* /evidence/payload
say ended $?
mount -o remount,rw /payload 2>/dev/null
touch /payload/new 2>/dev/null && say step the payload can be written
echo >/evidence/running
sync
case $played in
passes | connects)
    rm /evidence/running
    echo '{ "played": true }' >/evidence/evidence.json
    end 0
    ;;
fails)
    say step fail
    say ended 7
    rm /evidence/running
    end 1
    ;;
stops)
    say step stop
    poweroff -f
    ;;
restarts)
    say step restart without a word
    reboot -f
    ;;
panics)
    say step panic
    echo c >/proc/sysrq-trigger
    ;;
esac
