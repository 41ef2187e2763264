-- QMP, the QEMU Machine Protocol, in Wireshark and tshark.
--
-- Put this file into Wireshark's folder of personal Lua plugins (Help, About, Folders), or name it:
--     tshark -X lua_script:qmp.lua -r session.pcapng -Y qmp
-- A session over TCP is recognised by its first message, on any port; "Decode As" takes QMP, too.
--
--     qmp.kind         greeting, command, return, error, event or unknown
--     qmp.command      the name of a command; with a response, of the command that it answers
--     qmp.oob          whether a command is sent out of band
--     qmp.event        the name of an event
--     qmp.id           the id, as JSON
--     qmp.class        the class of an error
--     qmp.desc         the description of an error
--     qmp.response_in  the frame of a command's response
--     qmp.request_in   the frame of a response's command
--     qmp.took         the time from the one to the other
--     qmp.text         the whole message
--
-- Responses are joined as a client joins them: by their id, or in the order of the commands.

local qmp = Proto("qmp", "QEMU Machine Protocol")

local field = {
    kind = ProtoField.string("qmp.kind", "Kind"),
    command = ProtoField.string("qmp.command", "Command"),
    oob = ProtoField.bool("qmp.oob", "Out of band"),
    event = ProtoField.string("qmp.event", "Event"),
    id = ProtoField.string("qmp.id", "Id"),
    class = ProtoField.string("qmp.class", "Error class"),
    desc = ProtoField.string("qmp.desc", "Error description"),
    response_in = ProtoField.framenum("qmp.response_in", "Response in", base.NONE, frametype.RESPONSE),
    request_in = ProtoField.framenum("qmp.request_in", "Request in", base.NONE, frametype.REQUEST),
    took = ProtoField.relative_time("qmp.took", "Time since the request"),
    text = ProtoField.string("qmp.text", "Message"),
}
for _, one in pairs(field) do table.insert(qmp.fields, one) end

local unasked = ProtoExpert.new(
    "qmp.unasked", "Nothing in this capture was asked for this", expert.group.SEQUENCE, expert.severity.NOTE)
qmp.experts = { unasked }

local tcp_stream = Field.new("tcp.stream")
local json = Dissector.get("json")

-- Text ------------------------------------------------------------------------------------------

local QUOTES = { ['"'] = '["\\]', ["'"] = "['\\]" }

-- The position of the quote that ends the string that begins at `from`; nil: it does not end.
local function string_end(text, from)
    local stops = QUOTES[text:sub(from, from)]
    local at = from + 1
    while true do
        at = text:find(stops, at)
        if not at then return nil end
        if text:sub(at, at) ~= "\\" then return at end
        at = at + 2
    end
end

-- The position of the last character of the value that begins at `from`; nil: it does not end.
local function value_end(text, from)
    local first = text:sub(from, from)
    if QUOTES[first] then return string_end(text, from) end
    if first ~= "{" and first ~= "[" then
        local stop = text:find("[%s,%]}]", from)
        return stop and stop - 1
    end
    local depth, at = 0, from
    while true do
        at = text:find("[{}%[%]\"']", at)
        if not at then return nil end
        local one = text:sub(at, at)
        if QUOTES[one] then
            at = string_end(text, at)
            if not at then return nil end
        elseif one == "{" or one == "[" then
            depth = depth + 1
        else
            depth = depth - 1
            if depth == 0 then return at end
        end
        at = at + 1
    end
end

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8_of(code)
    if code < 0x80 then return string.char(code) end
    if code < 0x800 then return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40) end
    return string.char(
        0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

-- What a JSON string says; any other value as it is written.
local function said(text)
    if not text or not QUOTES[text:sub(1, 1)] then return text end
    local inside = text:sub(2, -2):gsub("\\(u?)(%x?%x?%x?%x?)(.?)", function(u, digits, rest)
        if u == "u" and #digits == 4 then return utf8_of(tonumber(digits, 16)) .. rest end
        local all = u .. digits .. rest
        local first = all:sub(1, 1)
        return (ESCAPES[first] or first) .. all:sub(2)
    end)
    return inside
end

-- The members of an object, by name, as they are written.
local function members(text)
    local found = {}
    local at = text:find("%S", 2)
    while at and QUOTES[text:sub(at, at)] do
        local name_end = string_end(text, at)
        local colon = name_end and text:find("%S", name_end + 1)
        local from = colon and text:find("%S", colon + 1)
        local to = from and value_end(text, from)
        if not to then break end
        found[said(text:sub(at, name_end))] = text:sub(from, to)
        local comma = text:find("%S", to + 1)
        at = comma and text:find("%S", comma + 1)
    end
    return found
end

local function kind_of(found)
    if found.QMP then return "greeting" end
    if found.execute or found["exec-oob"] then return "command" end
    if found.event then return "event" end
    if found.error then return "error" end
    if found["return"] then return "return" end
    return "unknown"
end

-- Requests and responses ------------------------------------------------------------------------

local waiting  -- by stream: commands without a response, in their order
local links    -- by place of a message: the other one of the pair

local function place_of(pinfo, offset, text)
    return pinfo.number .. ":" .. offset .. ":" .. text
end

local function ask(stream, place, command, id, pinfo)
    waiting[stream] = waiting[stream] or {}
    table.insert(waiting[stream],
        { place = place, command = command, id = id, frame = pinfo.number, t = pinfo.rel_ts })
end

local function answer(stream, place, id, pinfo)
    for number, one in ipairs(waiting[stream] or {}) do
        if one.id == id then
            table.remove(waiting[stream], number)
            links[one.place] = { frame = pinfo.number }
            links[place] = { frame = one.frame, command = one.command, took = pinfo.rel_ts - one.t }
            return
        end
    end
end

function qmp.init()
    waiting, links = {}, {}
end

-- Dissection ------------------------------------------------------------------------------------

local function seconds(value)
    local whole = math.floor(value)
    return NSTime.new(whole, math.floor((value - whole) * 1e9 + 0.5))
end

-- Shows one message; gives what it is in a few words.
local function show(range, text, offset, pinfo, tree)
    local found = text:sub(1, 1) == "{" and members(text) or {}
    local kind = kind_of(found)
    local place = place_of(pinfo, offset, text)
    local id = found.id
    local command = said(found.execute or found["exec-oob"])
    local is_response = kind == "return" or kind == "error"
    if not pinfo.visited then
        local stream = tcp_stream().value
        if command then ask(stream, place, command, id, pinfo) end
        if is_response then answer(stream, place, id, pinfo) end
    end
    local link = links[place]

    local node = tree:add(qmp, range)
    node:add(field.kind, range, kind)
    local words = kind
    if command then
        node:add(field.command, range, command)
        node:add(field.oob, range, found["exec-oob"] ~= nil)
        if link then node:add(field.response_in, link.frame):set_generated() end
        words = command
    elseif kind == "event" then
        words = said(found.event)
        node:add(field.event, range, words)
    elseif is_response then
        if link then
            node:add(field.command, link.command):set_generated()
            node:add(field.request_in, link.frame):set_generated()
            node:add(field.took, seconds(link.took)):set_generated()
            words = link.command .. (kind == "return" and " returns" or " failed")
        else
            node:add_proto_expert_info(unasked)
        end
        if kind == "error" then
            local inside = members(found.error)
            local class, desc = said(inside.class), said(inside.desc)
            if class then node:add(field.class, range, class) end
            if desc then node:add(field.desc, range, desc) end
            words = words .. ": " .. (class or "") .. ": " .. (desc or "")
        end
    end
    if id then
        node:add(field.id, range, id)
        words = words .. " (id " .. id .. ")"
    end
    node:append_text(", " .. words)
    node:add(field.text, range, text)
    if kind ~= "unknown" and not text:find("'", 1, true) then
        pcall(function() json:call(range:tvb(), pinfo, node) end)
    end
    return words
end

function qmp.dissector(tvb, pinfo, tree)
    local text = tvb:raw()
    local all = {}
    local at = text:find("%S")
    while at do
        local first = text:sub(at, at)
        local to
        if first == "{" or first == "[" then
            to = value_end(text, at)
        else
            to = text:find("[\r\n]", at)
        end
        if not to then
            pinfo.desegment_offset = at - 1
            pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        local one = text:sub(at, to)
        table.insert(all, show(tvb(at - 1, to - at + 1), one, at, pinfo, tree))
        at = text:find("%S", to + 1)
    end
    pinfo.cols.protocol = "QMP"
    if #all > 0 then pinfo.cols.info = table.concat(all, "; ") end
    return tvb:len()
end

local FIRST = { QMP = true, execute = true, ["exec-oob"] = true, ["return"] = true, timestamp = true }

-- Whether a segment is the first that is seen of a session.
local function recognise(tvb, pinfo, tree)
    local name = tvb:raw(0, math.min(tvb:len(), 64)):match("^%s*{%s*[\"']([%a-]+)[\"']%s*:")
    if not name or not FIRST[name] then return false end
    pinfo.conversation = qmp
    qmp.dissector(tvb, pinfo, tree)
    return true
end

qmp:register_heuristic("tcp", recognise)
DissectorTable.get("tcp.port"):add_for_decode_as(qmp)
