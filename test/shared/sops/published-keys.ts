/** Keys made for these tests; nothing else was ever encrypted for them. */

export const identity = {
  // Of the vectors of age itself.
  secret: "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0",
  recipient: "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef",
};

export const sshKey = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACD5yCOxcnyIm8h42EGu50OAuJAW0fcmZg5VB4ulCZqsRQAAAIjzk5ch85OX
IQAAAAtzc2gtZWQyNTUxOQAAACD5yCOxcnyIm8h42EGu50OAuJAW0fcmZg5VB4ulCZqsRQ
AAAECV+idUreaZv1oytt8vSJdxeQXHt3ih/fd7ioNoVqBKWPnII7FyfIibyHjYQa7nQ4C4
kBbR9yZmDlUHi6UJmqxFAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
`;

export const lockedSshKey = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAKqiV5h1
PZ6n8SyPm1uytXAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIMj8QF6jVJKS5xmt
jHhWRxi91308uaWpSVqjyIjQD37qAAAAkEN61N5UhWU33j+3uEUzj8QtzeyXu2K5VMX2H0
nsBUKOTxYRMAkK/fCd4hVIQbRVbpOsa7R5mYO2YVn5KAYi9AVsWW4m0A/llsMmNEwj3uYU
vEUw57qprT4PUNNiIcXRcBOl63gXs7Yfg2vHM6vfXih3AptKt/+rCbkZp7uQcsLTm8o7Nk
pAGtGP6+FrE7uJ8A==
-----END OPENSSH PRIVATE KEY-----
`;

/** By age 1.3 for the SSH key above. */
export const sealedForSsh = `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNzaC1lZDI1NTE5IG90QmZhQSA0MUUz
TVloWEsrcjU3bENpQWVYaVA0NVRmczJKRWNVT0M5U0NibXNBSUVRCjF6c2ovVDRB
QmwrY201bDJOYU94MzhCRUt0RGtsVUk3ZGpZSGhaR3hqOUEKLS0tIDhIc1Q0dzdV
QU5oeExUeExZbklRSFRkZ3NYKzlSbHBQb0VFbkxwMWVNMlkKCZYoyZJ8eyj7zD9t
D0P1/L4G1qjY1+mu1DCdNbFbSd30IxmERnMm4SPkth4iXDoAyD642z7u/ZuxEdSz
+EHdOw==
-----END AGE ENCRYPTED FILE-----
`;

export const sshPublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPnII7FyfIibyHjYQa7nQ4C4kBbR9yZmDlUHi6UJmqxF test";

/** By sops 3.13.3 for the age identity above: `stringData.password` is `correct-horse`. */
export const encryptedSecret = `apiVersion: v1
kind: Secret
metadata:
    name: database
stringData:
    password: ENC[AES256_GCM,data:RxmMadNkR6IJ/B8B5g==,iv:c93Es2ViTyz9Gee3a3DZEiz/kkh4YMwJzXc7rQAbZLw=,tag:NPX9DBID9E7k/f3r+xYmqA==,type:str]
sops:
    age:
        - enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
            YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBTaHIySDltUkFEOVFhTnRv
            Ym9rYnNVN2M2aElqTTZOaXMzQTNHakVIWVJnCkhmMXJZQ0JNeWNrRGdRN3NnNm12
            V3dXL2VtVHNwTnJqL21GZW5DbEVqK3cKLS0tIEZtV2Vla1JsMHo1WCtTYTIwUEtX
            cWVITVN0TFFQZWNBaFRoT1pYQUZ4d0kKaAS/3S/GLQfw8iRVAbSdlVT/mt8tZgeu
            f8mB6Lq5hEBRNa+JVzphxdkB0CgsYSmIUsOdcg038MhaE0JXGKf0UQ==
            -----END AGE ENCRYPTED FILE-----
          recipient: age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef
    encrypted_regex: ^stringData$
    lastmodified: "2026-11-25T23:44:15Z"
    mac: ENC[AES256_GCM,data:Tk0jJ85qNO8QXi7tMZrfW5l0gHQnVCq4/3vwLIFxY7cmj8G6JVpV4V6YDaaUtSo69YQHCuUnnD6B3EycSdrNLj2RNrs1j2p78zW6gsoXPXchXifBmp3Ut2Rcla7CLcDHnjEeaHwZ6PvnSTHdEGsVL1pMxkUJLLC88leMO8nCuto=,iv:nkMK+8txmjLWiwa76jXkvwuMw1zlEo385bMLDSHw0/Y=,tag:xm3kVK7PLH+xlCRbABlEZw==,type:str]
    version: 3.13.3
`;
