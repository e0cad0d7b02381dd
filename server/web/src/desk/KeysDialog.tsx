import { Modal, Table } from "@mantine/core";
import { useTranslation } from "react-i18next";
import classes from "./Desk.module.css";

const KEYS = [
  ["F2", "help"],
  ["F4", "mask"],
  ["F8", "next"],
  ["F9", "case"],
  ["Ctrl+Enter", "save"],
  ["Enter", "confirm"],
  ["End", "latest"],
  ["Esc", "close"],
  ["?", "list"],
] as const;

export function KeysDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("desk.keys")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <Table data-testid="keys">
        <Table.Tbody>
          {KEYS.map(([key, action]) => (
            <Table.Tr key={key}>
              <Table.Td>
                <kbd className={classes.kbd}>{key}</kbd>
              </Table.Td>
              <Table.Td>{t(`desk.key.${action}`)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
