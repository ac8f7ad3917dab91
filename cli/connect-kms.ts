/** KMS with the credentials of the person at the terminal; the SDK is loaded when a file asks for it. */
import type { KeyOpener } from "../shared/sops/keys/opener.ts";

export function connectKms(): KeyOpener<"kms"> {
  let opener: Promise<KeyOpener<"kms">> | undefined;
  return {
    open: async (recipient) => {
      opener ??= createOpener();
      return (await opener).open(recipient);
    },
  };
}

async function createOpener(): Promise<KeyOpener<"kms">> {
  const [{ createKmsOpener }, { createKms }, { kmsClientFor }] = await Promise.all([
    import("../shared/sops/keys/kms.ts"),
    import("../shared/aws/kms.ts"),
    import("../shared/aws/kms-client.ts"),
  ]);
  return createKmsOpener(createKms(kmsClientFor));
}
