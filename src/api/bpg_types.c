/* bpg_types.c - the types of the configuration store. Clients ask for this table first, and then
 * for the rows of all types in its order.
 *
 * The places of fields are named where a type's functions are: keep the two together. */
#include "api/bpg.h"

#define ID                                                                                         \
    {                                                                                              \
        STR_INIT("id"), BPG_INTEGER, { "primary", "autoincrement" }, false                         \
    }
#define PROJECT                                                                                    \
    {                                                                                              \
        STR_INIT("project"), BPG_INTEGER, { "references project(pid)" }, true                      \
    }
#define KEY_PROJECT                                                                                \
    {                                                                                              \
        STR_INIT("project"), BPG_INTEGER, { "primary", "references project(pid)" }, true           \
    }
#define UNIVERSE                                                                                   \
    {                                                                                              \
        STR_INIT("universe"), BPG_INTEGER, { "references universe(id)" }, false                    \
    }
#define INTEGER(name_, needed_)                                                                    \
    {                                                                                              \
        STR_INIT(name_), BPG_INTEGER, { NULL }, needed_                                            \
    }
#define TEXT(name_, needed_)                                                                       \
    {                                                                                              \
        STR_INIT(name_), BPG_TEXT, { NULL }, needed_                                               \
    }
#define KEY_TEXT(name_)                                                                            \
    {                                                                                              \
        STR_INIT(name_), BPG_TEXT, { "primary" }, true                                             \
    }
#define KEPT                                                                                       \
    .list = bpg_kept_list, .create = bpg_kept_create, .modify = bpg_kept_modify,                   \
    .remove = bpg_kept_remove

const struct bpg_type bpg_types[] = {
    { .name = STR_INIT("universe"),
      .fields = { ID, { STR_INIT("name"), BPG_TEXT, { "unique" }, true } },
      .field_count = 2,
      .list = bpg_universe_list,
      .create = bpg_universe_create,
      .remove = bpg_universe_remove },
    { .name = STR_INIT("users"),
      .fields = { { STR_INIT("uid"), BPG_INTEGER, { "primary", "autoincrement" }, false },
                  { STR_INIT("username"), BPG_TEXT, { "unique" }, true },
                  TEXT("email", false),
                  { STR_INIT("password"), BPG_BLOB, { NULL }, true },
                  UNIVERSE,
                  INTEGER("superuser", false),
                  TEXT("method", false),
                  TEXT("role", false) },
      .field_count = 8,
      .list = bpg_user_list,
      .create = bpg_user_create,
      .modify = bpg_user_modify,
      .remove = bpg_user_remove },
    { .name = STR_INIT("project"),
      .fields = { { STR_INIT("pid"), BPG_INTEGER, { "primary", "autoincrement" }, false },
                  TEXT("name", true),
                  UNIVERSE,
                  INTEGER("owner", false),
                  INTEGER("deleted", false) },
      .field_count = 5,
      .list = bpg_project_list,
      .create = bpg_project_create,
      .modify = bpg_project_modify,
      .remove = bpg_project_remove },
    { .name = STR_INIT("token"),
      .fields = { { STR_INIT("id"), BPG_TEXT, { "primary" }, false },
                  PROJECT,
                  INTEGER("owner", false) },
      .field_count = 3,
      .list = bpg_old_token_list,
      .create = bpg_old_token_create },
    { .name = STR_INIT("api_token"),
      .fields = { { STR_INIT("id"), BPG_TEXT, { "primary" }, false },
                  PROJECT,
                  INTEGER("owner", false),
                  TEXT("capabilities", true),
                  TEXT("metadata", false) },
      .field_count = 5,
      .list = bpg_token_list,
      .create = bpg_token_create,
      .modify = bpg_token_modify,
      .remove = bpg_token_remove },
    { .name = STR_INIT("project_member_user"),
      .fields = { KEY_PROJECT,
                  { STR_INIT("user"), BPG_INTEGER, { "primary", "references users(uid)" }, true },
                  TEXT("role", false) },
      .field_count = 3,
      .list = bpg_member_list,
      .create = bpg_member_create,
      .remove = bpg_member_remove },
    { .name = STR_INIT("attribute"),
      .fields = { KEY_PROJECT, KEY_TEXT("name"), TEXT("type", true), TEXT("format", false),
                  TEXT("description", false) },
      .field_count = 5,
      KEPT,
      .key = "01",
      .check = bpg_check_attribute },
    { .name = STR_INIT("project_sampling"),
      .fields = { KEY_PROJECT, TEXT("configuration", true), INTEGER("disabled", false) },
      .field_count = 3,
      KEPT,
      .key = "0",
      .check = bpg_check_sampling },
    { .name = STR_INIT("instance_retention"),
      .fields = { ID, TEXT("rules", true) },
      .field_count = 2,
      KEPT,
      .key = "",
      .check = bpg_check_retention },
    { .name = STR_INIT("universe_retention"),
      .fields = { ID,
                  { STR_INIT("universe"), BPG_INTEGER, { "references universe(id)" }, true },
                  TEXT("rules", true) },
      .field_count = 3,
      KEPT,
      .key = "1",
      .check = bpg_check_retention },
    { .name = STR_INIT("project_retention"),
      .fields = { ID, PROJECT, TEXT("rules", true) },
      .field_count = 3,
      KEPT,
      .key = "1",
      .check = bpg_check_retention },
    { .name = STR_INIT("deduplication"),
      .fields = { ID, TEXT("name", true), PROJECT, TEXT("rules", true), TEXT("languages", false),
                  TEXT("platforms", false), INTEGER("enabled", false), INTEGER("owner", false),
                  INTEGER("priority", false) },
      .field_count = 9,
      .list = bpg_deduplication_list,
      .create = bpg_kept_create,
      .modify = bpg_kept_modify,
      .remove = bpg_kept_remove,
      .key = "21",
      .check = bpg_check_deduplication },
    { .name = STR_INIT("limits"),
      .fields = { { STR_INIT("universe"),
                    BPG_INTEGER,
                    { "primary", "references universe(id)" },
                    true },
                  TEXT("definition", true),
                  TEXT("metadata", false) },
      .field_count = 3,
      KEPT,
      .key = "0",
      .check = bpg_check_limits },
    { .name = STR_INIT("server_side_actions"),
      .fields = { KEY_PROJECT, TEXT("configuration", true), INTEGER("enabled", false) },
      .field_count = 3,
      KEPT,
      .key = "0",
      .check = bpg_check_actions },
    { .name = STR_INIT("scrubber"),
      .fields = { ID, TEXT("name", true), PROJECT, TEXT("regexp", false), TEXT("builtin", false),
                  TEXT("format", false), TEXT("target", false), INTEGER("enable", false) },
      .field_count = 8,
      KEPT,
      .key = "21",
      .check = bpg_check_scrubber },
    { .name = STR_INIT("query"),
      .fields = { KEY_PROJECT, KEY_TEXT("name"), INTEGER("owner", false), TEXT("queries", true),
                  TEXT("payload", false) },
      .field_count = 5,
      KEPT,
      .key = "01",
      .check = bpg_check_query },
    { .name = STR_INIT("resource_override"),
      .fields = { { STR_INIT("universe"),
                    BPG_INTEGER,
                    { "primary", "references universe(id)" },
                    true },
                  { STR_INIT("uid"), BPG_INTEGER, { "primary" }, true },
                  KEY_TEXT("name"),
                  TEXT("value", true),
                  INTEGER("owner", false) },
      .field_count = 5,
      KEPT,
      .key = "012",
      .check = bpg_check_override },
    { .name = STR_INIT("listener"),
      .fields = { KEY_TEXT("type"), TEXT("dns_name", false), INTEGER("port", false) },
      .field_count = 3,
      .list = bpg_listener_list },
};
const size_t bpg_type_count = sizeof bpg_types / sizeof *bpg_types;

const struct bpg_type *bpg_type_find(struct str name)
{
    const struct str prefix = STR("configuration/");
    if (!str_starts(name, prefix))
        return NULL;
    name = (struct str){ name.ptr + prefix.len, name.len - prefix.len };
    for (size_t i = 0; i < bpg_type_count; i++)
        if (str_eq(bpg_types[i].name, name))
            return &bpg_types[i];
    return NULL;
}

size_t bpg_field_find(const struct bpg_type *t, struct str name)
{
    for (size_t i = 0; i < t->field_count; i++)
        if (str_eq(t->fields[i].name, name))
            return i;
    return BPG_FIELDS_MAX;
}
