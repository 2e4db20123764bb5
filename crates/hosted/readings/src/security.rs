//! Security descriptors.

questions! { Security;
    CacheTakes = "cache-takes": "what `WSK_CACHE_SD` takes" {
        AllowDeny = "allow-deny": "absolute and self-relative descriptors with entries that allow or deny; the SACL is not kept; any other entry: `STATUS_INVALID_SECURITY_DESCR`",
    }
    others { "any": "any descriptor", }
    strict AllowDeny; windows AllowDeny;
    why "what the model cannot check it must not seem to check";
    probe Probe::NotAsked("a wrong descriptor could stop the machine");

    CachedTwice = "cached-twice": "caching the same descriptor twice" {
        Copies = "copies": "two copies, each to be released",
        Shared = "shared": "the same pointer twice, counted",
    }
    strict Copies; windows Copies;
    why "a client that releases as often as it caches is right under both";
    evidence { Documented: "`wsk.h`: the descriptors are those of the object manager's cache, which would share equal ones", }
    probe Probe::Asked;

    DefaultDescriptor = "default-descriptor": "the descriptor of a socket that was given none, when it is got" {
        EmptyList = "empty-list": "one with an empty list",
    }
    others { "null": "a null pointer, or an error", }
    strict EmptyList; windows EmptyList;
    why "the default allows no sharing; the page does not say whether it can be got";
    probe Probe::NotAsked("what is got could be no descriptor");

    DescriptorFollowed = "descriptor-followed": "when the pointer of a request is followed" {
        AtRun = "at-run": "when the request runs",
    }
    strict AtRun; windows AtRun;
    why "the descriptor must not be released before the request has completed";
    evidence { Documented("at-run"): "`SO_WSK_SECURITY`: not to be released before completion", }
    probe Probe::NotAsked("it could be told only by what is wrong");

    NotCached = "not-cached": "a descriptor that was not cached for this client, or is released already" {
        BugCheck = "bug-check": "bug check",
    }
    strict BugCheck; windows BugCheck;
    why "on Windows memory of the kernel's is used after it is freed, or freed twice";
    probe Probe::NotAsked("it could stop the machine");

    DeregisterDescriptors = "deregister-descriptors": "`WskDeregister` with descriptors that were not released" {
        BugCheck = "bug-check": "bug check",
        Leak = "leak": "nothing is said; on Windows their memory is lost",
    }
    strict BugCheck; windows Leak;
    why "on Windows their memory is lost, which a test cannot see";
    evidence { Documented("leak"): "`WSK_CACHE_SD`: the client must release them", }
    probe Probe::NotAsked("their memory would be lost");

    NullDescriptor = "null-descriptor": "a null descriptor for `SO_WSK_SECURITY`, `WSK_CACHE_SD` or `WSK_RELEASE_SD`" {
        InvalidDescriptor = "invalid-descriptor": "`STATUS_INVALID_SECURITY_DESCR`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidDescriptor; windows InvalidDescriptor;
    why "what the name says";
    probe Probe::NotAsked("a null pointer could stop the machine");

    SecuritySizes = "security-sizes": "wrong sizes and missing variables of `WSK_CACHE_SD` and `WSK_RELEASE_SD`" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`; for `SO_WSK_SECURITY` as for other options",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    probe Probe::NotAsked("a missing variable could stop the machine");
}
